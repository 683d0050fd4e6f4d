package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed templates/style.css
var styleSheet string

// views are the parsed templates, one set a page, and the policy for them.
type views struct {
	pages map[string]*template.Template
	csp   string
}

// newViews panics on a template that does not parse: that is built in.
func newViews() *views {
	v := &views{pages: map[string]*template.Template{}}
	base := template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(styleSheet) }, //nolint:gosec // ours, from the binary
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	for _, name := range []string{"status", "graph"} {
		t := template.Must(base.Clone())
		v.pages[name] = template.Must(t.ParseFS(templateFiles, "templates/"+name+".html"))
	}
	// The style is in the page, so that a page is one request on a bad line; its
	// hash lets it in and nothing else. Data images are the icon.
	sum := sha256.Sum256([]byte(styleSheet))
	v.csp = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return v
}

// render sends a page. A template that fails halfway panics, before the first
// byte is out.
func (v *views) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := v.pages[name].ExecuteTemplate(&b, "layout", data); err != nil {
		panic(err)
	}
	w.Header().Set("Content-Security-Policy", v.csp)
	writeBody(w, status, "text/html; charset=utf-8", b.Bytes())
}
