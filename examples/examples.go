// Package examples carries rule files of examples/rules inside the binary: those
// that run where the user has no rules, and Tocsin's own. The other files of this
// directory are for users to copy.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed rules/docker.yml rules/docker-containers.yml
var engine embed.FS

//go:embed rules/tocsin.yml rules/watchdog.yml
var self embed.FS

// Engine are the rules for the Docker engine and its containers, which run where
// the user has none.
func Engine() fs.FS { return top(engine) }

// Self are the rules of Tocsin itself and the dead man's switch, which run beside
// the user's unless SELF_ALERTS is off.
func Self() fs.FS { return top(self) }

// top is the directory that the files are in.
func top(files embed.FS) fs.FS {
	sub, err := fs.Sub(files, "rules")
	if err != nil {
		panic(err) // the name is ours
	}
	return sub
}
