"""Colours that colour-blind readers tell apart (Okabe and Ito), markers for print in grey."""

SAFE = ("#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
MARKERS = "o^sDvPX<"
