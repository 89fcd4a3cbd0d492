"""HTTP: connections, requests and answers. Knows no operation but by its name."""
