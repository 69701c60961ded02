"""The plumbing of the course; the story and the few lines that matter are in the notebooks."""
