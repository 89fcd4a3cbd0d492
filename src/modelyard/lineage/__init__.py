"""What came of what: artifacts, actions, contexts and the associations between them."""
