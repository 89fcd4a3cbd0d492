"""Speed and size, measured in one run on one machine, and written to docs/benchmarks.md."""
