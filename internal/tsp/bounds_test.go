package tsp

// Bounds of TestCC10_MeshOfCAs: maxChecks.
// Bounds of TestCatalogueH_Tokens: MaxSize, MaxCert.
