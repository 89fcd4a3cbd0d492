"""Models, endpoint configs, endpoints, routing, invocations. Knows not how a replica is started."""
