"""Pictures of graphs. Pure: nodes and edges in, coordinates or text out."""
