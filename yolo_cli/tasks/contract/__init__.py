"""What a task has to say, stage by stage."""
