package sct

// Bounds of TestCT2_GoodSCTsVerify: Max.
// Bounds of TestCatalogueC_Certificates: Max.
