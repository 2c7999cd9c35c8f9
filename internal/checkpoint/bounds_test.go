package checkpoint

// Bounds of TestParse: MaxLines.
