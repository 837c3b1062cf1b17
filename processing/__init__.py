"""What is computed: core numbers, jobs, pipeline, tasks and desk."""
