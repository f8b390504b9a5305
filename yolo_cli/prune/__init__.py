"""Channel pruning: a smaller network whose layers are solved again to give what they gave."""
