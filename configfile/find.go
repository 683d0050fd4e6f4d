package configfile

import (
	"os"
	"path/filepath"
)

// names are those of a configuration file in a directory, the first one counts.
var names = []string{"prometheus.yml", "prometheus.yaml", "tocsin.yml"}

// Find tells which file is meant by a path: the file itself, or of a directory the
// first that there is of prometheus.yml, prometheus.yaml and tocsin.yml. A
// directory without any is no configuration, and so is an empty path: ok is false.
// A path that is not there is meant as a file: reading it says what is wrong.
func Find(path string) (file string, ok bool) {
	if path == "" {
		return "", false
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return path, true
	}
	for _, name := range names {
		// One that may not be read is meant all the same: passing over it would
		// run without a configuration that is there.
		file := filepath.Join(path, name)
		if info, err := os.Stat(file); !os.IsNotExist(err) && (err != nil || !info.IsDir()) {
			return file, true
		}
	}
	return "", false
}
