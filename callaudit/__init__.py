"""callaudit: audits recorded customer-service calls. The command, and the rooms of the house below one name."""
