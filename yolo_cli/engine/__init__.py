"""Networks on several processes and machines: Ray's actors run the pipeline of ``inference``."""
