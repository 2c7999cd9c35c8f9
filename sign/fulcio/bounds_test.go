package fulcio

// Bounds of TestSG7_K13_K18_AuthorityThatLies: maxChain.
