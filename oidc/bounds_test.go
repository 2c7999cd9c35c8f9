package oidc

// Bounds of TestDevice: maxDevice, maxUserCode.
// Bounds of TestGoogleImpersonation: maxAccountName.
// Bounds of TestOI4_OI7_Login: maxKeys, maxURL, maxCode.
// Bounds of TestOI4_Parse: maxAudience, maxClaim.
// Bounds of TestOI5_WrongCallbacksDoNotEndTheFlow: maxQuery.
