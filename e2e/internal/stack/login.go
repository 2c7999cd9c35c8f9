package stack

import (
	"context"
	"html/template"
	"net/http"
	"net/mail"
)

// People are the addresses the login page offers; any other may be typed.
var People = []string{"alice@example.com", "bob@example.com"}

// pages are what a person sees of the provider.
type pages struct {
	store *loginStore
	done  func(context.Context, string) string // where the protocol goes on
}

// One form serves both flows. It needs no script, so that a program can fill
// it in as well as a person.
var form = template.Must(template.New("form").Parse(`<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem}
input,button{font:inherit;padding:.4rem .8rem;margin:.2rem 0;width:100%;box-sizing:border-box}
button{cursor:pointer}label{display:block;margin-top:1rem}p.e{color:light-dark(#a00,#f99)}small{color:light-dark(#555,#bbb)}</style>
<h1>{{.Title}}</h1>
{{if .Problem}}<p class="e">{{.Problem}}</p>{{end}}
{{if .Action}}<form method="post" action="{{.Action}}">
{{if .ID}}<input type="hidden" name="id" value="{{.ID}}">{{end}}
{{if .Device}}<label>Code shown by the device <input name="user_code" value="{{.Code}}" autocomplete="off" required></label>{{end}}
{{range .People}}<button name="user" value="{{.}}">{{.}}</button>
{{end}}<label>or another address <input type="email" name="email" placeholder="someone@example.com"></label>
<button name="ok" value="1">Sign in</button>
</form>{{end}}
<p><small>This is the sandbox: there are no passwords, anyone is who they say.</small></p>
`))

type formData struct {
	Title, Problem, Action, ID, Code string
	Device                           bool
	People                           []string
}

func show(w http.ResponseWriter, status int, data formData) {
	data.People = People
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.WriteHeader(status)
	form.Execute(w, data)
}

func (p *pages) home(w http.ResponseWriter, _ *http.Request) {
	show(w, http.StatusOK, formData{Title: "Sandbox sign-in"})
}

func (p *pages) askLogin(w http.ResponseWriter, r *http.Request) {
	show(w, http.StatusOK, formData{Title: "Sign in to the sandbox", Action: "/login", ID: r.FormValue("id")})
}

func (p *pages) login(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	email, problem := who(r)
	if problem == "" {
		if err := p.store.enter(id, email); err != nil {
			problem = err.Error()
		}
	}
	if problem != "" {
		show(w, http.StatusBadRequest, formData{Title: "Sign in to the sandbox", Action: "/login", ID: id, Problem: problem})
		return
	}
	http.Redirect(w, r, p.done(r.Context(), id), http.StatusSeeOther)
}

func (p *pages) askDevice(w http.ResponseWriter, r *http.Request) {
	show(w, http.StatusOK, formData{Title: "Sign in a device", Action: "/device", Device: true, Code: r.FormValue("user_code")})
}

func (p *pages) device(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("user_code")
	email, problem := who(r)
	if r.PostFormValue("deny") != "" {
		email, problem = "", ""
	}
	if problem == "" {
		if err := p.store.answerDevice(code, email); err != nil {
			problem = err.Error()
		}
	}
	if problem != "" {
		show(w, http.StatusBadRequest, formData{Title: "Sign in a device", Action: "/device", Device: true, Code: code, Problem: problem})
		return
	}
	show(w, http.StatusOK, formData{Title: "Done. You can go back to the device."})
}

// who reads the address from the form: the field, or a button. The enter key in
// the field presses the first button as well.
func who(r *http.Request) (email, problem string) {
	email = r.PostFormValue("email")
	if email == "" {
		email = r.PostFormValue("user")
	}
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
		return "", "This is not an e-mail address."
	}
	return email, ""
}
