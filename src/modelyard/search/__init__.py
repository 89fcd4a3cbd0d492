"""Search and GetSearchSuggestions over every resource type that there is."""
