package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
)

// A page is an answer to the browser. It needs no script and nothing from the
// network, and repeats nothing of the request (OI-6).
type page struct {
	status int
	body   string
}

// All text has a contrast of at least 7 (WCAG 2.2, 1.4.6), and all of it fits a
// window 320 pixels wide (1.4.10).
const style = `:root{color-scheme:light dark;--ground:#e9ecf0;--card:#fff;--edge:#d3d8de;--text:#16191d;--quiet:#474f59;--mark:#6a737e;--yes:#0a6b3b;--no:#a3231b}` +
	`@media(prefers-color-scheme:dark){:root{--ground:#0f1215;--card:#1a1e23;--edge:#323940;--text:#eceff2;--quiet:#b4bcc6;--mark:#98a2ad;--yes:#5fd394;--no:#ff9c91}}` +
	`*{box-sizing:border-box}` +
	`body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;font:1.125rem/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;background:var(--ground);color:var(--text)}` +
	`main{width:100%;max-width:32rem;padding:2.5rem 1.5rem 2rem;overflow-wrap:anywhere;text-align:center;background:var(--card);border:1px solid var(--edge);border-radius:.75rem}` +
	`svg{display:block;width:10rem;height:3.5rem;margin:0 auto 1.75rem;fill:none;stroke:var(--mark);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}` +
	`.yes{stroke:var(--yes);stroke-width:2.5}.no{stroke:var(--no);stroke-width:2.5}` +
	`h1{margin:0 0 .5rem;font-size:clamp(1.2rem,5vw,1.5rem);line-height:1.25;text-wrap:balance}` +
	`p{margin:0;text-wrap:balance}` +
	`footer{margin-top:2rem;font-size:.9375rem;letter-spacing:.08em;color:var(--quiet)}`

// The marks are punched into a row as on silver: who made it, that it was
// examined, and when. The one in the middle says how the login ended.
const (
	markLeft = `<svg viewBox="0 0 160 56" aria-hidden="true" focusable="false">` +
		`<path d="M10 8h28l6 6v28l-6 6H10l-6-6V14z"/><path d="M16 18v20M32 18v20M16 28h16"/>`
	markRight = `<ellipse cx="136" cy="28" rx="20" ry="22"/><path d="M136 16l5 12-5 12-5-12z"/></svg>`
	shield    = `<path d="M58 6h44v22c0 12-9 19-22 24-13-5-22-12-22-24z"`
	markYes   = markLeft + `<g class="yes">` + shield + `/><path d="M70 27l7 8 14-16"/></g>` + markRight
	markNo    = markLeft + `<g class="no">` + shield + `/><path d="M80 15v15M80 38v.5"/></g>` + markRight
)

// policy allows the style above and nothing else.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func build(status int, title, mark, heading, text string) page {
	return page{status, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<title>" + title + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n<main>\n" + mark +
		"\n<h1>" + heading + "</h1>\n<p>" + text + "</p>\n<footer>hallmark</footer>\n</main>\n</body>\n</html>\n"}
}

// successPage says who signed in. The name comes from a verified token, and is
// printable; it is a name all the same, not markup.
func successPage(who string) page {
	return build(http.StatusOK, "Signed in - hallmark", markYes,
		"Signed in as "+html.EscapeString(who), "You can close this window and return to the terminal.")
}

// failurePage is the same for every failure; the terminal says which it was.
func failurePage() page {
	return build(http.StatusBadRequest, "Not signed in - hallmark", markNo,
		"You are not signed in", "The terminal says why. You can close this window.")
}

// wrongPage answers what is not the callback of this login.
func wrongPage(status int) page {
	return build(status, "Nothing here - hallmark", markNo,
		"This is not the login that is waiting", "It may be one of an earlier run. You can close this window.")
}
