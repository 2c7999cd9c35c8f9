// Package login holds the tests of logging in: a person's browser, driven by
// keyboard and mouse, against OpenID providers of several makes, and what must
// never leave the process meanwhile.
//
// HALLMARK_CHROMIUM and HALLMARK_STRACE name the programs; then their absence is a
// failure. Without them they are looked for, and the tests that need one are
// skipped if there is none. HALLMARK_SCREENSHOTS names a folder for the
// pictures; make e2e puts them into bin/screenshots.
package login
