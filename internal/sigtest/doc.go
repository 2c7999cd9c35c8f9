// Package sigtest is a whole Sigstore in one process, for tests: certificate
// authority, certificate transparency log, both generations of Rekor, timestamp
// authority, OpenID Connect issuer and TUF repository. Its keys are fixed, its
// clock stands still until a test moves it, and nothing leaves the machine.
//
//	w := sigtest.New(t)
//	root := w.TrustedRoot()          // JSON
//	b := w.Sign([]byte("artifact"))  // a good bundle, without any server
//
// A bad bundle with one fault is a good one in which one stage was changed while
// all later stages were signed anew over the change:
//
//	made := w.Make(sigtest.Maker{
//		Artifact: []byte("artifact"),
//		Log:      sigtest.LogEdits{Note: func(text string) string { return text + "\n" }},
//	})
//	made.JSON   // what a file would hold
//	made.Bundle // the same as a value
//
// Changes that nobody signs again are made at the end, by Maker.Bundle or
// Maker.JSON.
//
// The services are also there as HTTP servers on loopback addresses, started
// when they are first asked for: w.Fulcio(), w.Rekor(1), w.Rekor(2), w.Stamper(),
// w.Issuer() and w.TUF(). Each can be made to fail with SetFault and remembers
// what it was asked.
//
// It knows bundle, trustroot and the format packages, and neither verify nor
// sign, so that tests of every package can use it.
package sigtest
