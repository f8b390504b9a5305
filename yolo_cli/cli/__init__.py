"""The command line: options in, one call, result out."""
