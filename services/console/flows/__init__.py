"""How the console shows flows: rules as sentences, steps as a drawing, figures as a person reads them."""
