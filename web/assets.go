package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
)

//go:embed assets
var assetFiles embed.FS

// assets are the style, the scripts and the chart library of the pages. They are
// served below a hash of all of them, so that browsers may keep them for ever, and
// scripts find each other by relative paths.
type assets struct {
	version string
	files   map[string][]byte // by path below assets/
}

// newAssets panics if what is built in cannot be read.
func newAssets() *assets {
	a := &assets{files: map[string][]byte{}}
	sum := sha256.New()
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum.Write([]byte(name)) // hashes return no errors
		sum.Write(b)
		a.files[name[len("assets/"):]] = b
		return nil
	})
	if err != nil {
		panic(err)
	}
	a.version = hex.EncodeToString(sum.Sum(nil)[:6])
	return a
}

// link is where a file is, relative to the pages.
func (a *assets) link(name string) string { return "assets/" + a.version + "/" + name }

// serve answers for one file. Another version's is answered with ours, and not
// kept: a page that was loaded before an upgrade may ask for it.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, ok := a.files[name]
	if !ok {
		writePlain(w, http.StatusNotFound, "There is no such file.\n")
		return
	}
	if r.PathValue("version") == a.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	kind := "text/plain; charset=utf-8" // the licence
	switch path.Ext(name) {
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	}
	writeBody(w, http.StatusOK, kind, b)
}
