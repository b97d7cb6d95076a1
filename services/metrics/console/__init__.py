"""The parts of the console's pages that show what metrics knows; the service `console` frames them."""
