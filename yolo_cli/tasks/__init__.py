"""What makes a network out of a backbone, and a result out of its output."""
