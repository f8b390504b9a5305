"""From images to results: sources, the pipeline, sinks."""
