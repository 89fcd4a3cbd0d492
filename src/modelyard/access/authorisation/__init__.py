"""From a proved caller and a request to yes or no: what is known of callers, and who asks it."""
