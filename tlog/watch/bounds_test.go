package watch

// Bounds of TestSearchIndexOfFirstLog: maxScan.
