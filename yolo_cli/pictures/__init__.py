"""Pictures that are drawn on, put together and saved."""
