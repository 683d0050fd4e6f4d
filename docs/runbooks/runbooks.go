// Package runbooks carries the runbooks of the alerts of examples inside the binary:
// a host whose uplink is down can show them all the same.
package runbooks

import (
	"embed"
	"io/fs"
)

//go:embed *.md
var files embed.FS

// Files are the pages by name: NAME.md is that of the alert NAME.
func Files() fs.FS { return files }
