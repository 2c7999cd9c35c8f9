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

const style = `:root{color-scheme:light dark}` +
	`body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.125rem/1.5 system-ui,sans-serif;background:#f6f7f9;color:#16191d}` +
	`main{box-sizing:border-box;max-width:34rem;padding:2rem;overflow-wrap:anywhere}` +
	`h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}` +
	`p{margin:0}` +
	`@media(prefers-color-scheme:dark){body{background:#14171a;color:#eceff2}}`

// policy allows the style above and nothing else.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func build(status int, title, heading, text string) page {
	return page{status, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<title>" + title + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n<main>\n" +
		"<h1>" + heading + "</h1>\n<p>" + text + "</p>\n</main>\n</body>\n</html>\n"}
}

// successPage says who signed in. The name comes from a verified token, and is
// printable; it is a name all the same, not markup.
func successPage(who string) page {
	return build(http.StatusOK, "Signed in - hallmark",
		"Signed in as "+html.EscapeString(who), "You can close this window and return to the terminal.")
}

// failurePage is the same for every failure; the terminal says which it was.
func failurePage() page {
	return build(http.StatusBadRequest, "Not signed in - hallmark",
		"You are not signed in", "The terminal says why. You can close this window.")
}

// wrongPage answers what is not the callback of this login.
func wrongPage(status int) page {
	return build(status, "Nothing here - hallmark",
		"This is not the sign-in that is waiting", "You can close this window.")
}
