package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pageCSP lets a page have what this handler serves, and nothing from elsewhere.
// Data images are the icon.
const pageCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pageNames are the templates of pages, in the order of the navigation.
var pageNames = []string{"alerts", "rules", "rule", "graph", "history", "targets", "deliveries", "status"}

// views are the parsed templates, one set a page.
type views struct {
	pages map[string]*template.Template
}

// newViews panics on a template that does not parse: that is built in.
func newViews(a *assets) *views {
	v := &views{pages: map[string]*template.Template{}}
	base := template.Must(template.New("").Funcs(template.FuncMap{
		"asset": a.link, "states": func() []option { return stateOptions }, "ranges": func() []option { return rangeOptions },
		"words": newPromQLWords, "spans": spanTexts,
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	for _, name := range pageNames {
		t := template.Must(base.Clone())
		v.pages[name] = template.Must(t.ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return v
}

// render sends a page. A template that fails halfway panics, before the first
// byte is out.
func (v *views) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := v.pages[name].ExecuteTemplate(&b, "layout", data); err != nil {
		panic(err)
	}
	w.Header().Set("Content-Security-Policy", pageCSP)
	writeBody(w, status, "text/html; charset=utf-8", b.Bytes())
}
