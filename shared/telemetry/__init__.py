"""What an operator sees: logs, metrics, health; all use the same terms."""
