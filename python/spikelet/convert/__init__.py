"""From trained artificial networks to spiking ones."""
