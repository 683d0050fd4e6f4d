package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
)

// The labels by which a fleet tells its hosts apart.
const (
	hostLabel   = "host"
	engineLabel = "engine_id"
)

// engineIDFile holds, in the data directory, the identity that the Docker engine last
// gave: a host that starts while its engine does not answer is the same host.
const engineIDFile = "engine-id"

// maxEngineID bounds what is believed of an engine: 20.10 gives 59 characters, 29 a
// UUID.
const maxEngineID = 128

// identity is who this host is: the labels of all that leaves it, and what its phases
// are spread by. It may be used from any goroutine.
type identity struct {
	path    string
	given   []label // EXTERNAL_LABELS: they win
	changed func(labels.Labels)
	log     *slog.Logger

	// applying is held from a change until all have heard of it: labels of before must
	// not come after those of now. Taken before mu.
	applying sync.Mutex

	mu     sync.Mutex
	engine string        // guarded by mu; empty until an engine has told it
	file   labels.Labels // guarded by mu: of the configuration file
}

// label is one of EXTERNAL_LABELS; an empty value takes the label away.
type label struct{ name, value string }

// newIdentity reads what the process before knew. changed is called, by whoever makes
// the change, with labels that are others than before.
func newIdentity(s settings, changed func(labels.Labels), log *slog.Logger) *identity {
	i := &identity{path: filepath.Join(s.dataPath, engineIDFile), given: s.labels, changed: changed, log: log}
	text, err := os.ReadFile(i.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("identity of the engine cannot be read, it is asked for", "err", err)
	}
	if id := strings.TrimSpace(string(text)); usableID(id) {
		i.engine = id
	}
	return i
}

func usableID(id string) bool {
	return id != "" && len(id) <= maxEngineID && strings.ToValidUTF8(id, "") == id && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' })
}

// labels are those of every alert and sample that leaves this host.
func (i *identity) labels() labels.Labels {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.labelsLocked()
}

func (i *identity) labelsLocked() labels.Labels {
	b := labels.NewBuilder(labels.FromStrings(hostLabel, hostname()))
	b.Set(engineLabel, i.engine)
	i.file.Range(func(l labels.Label) { b.Set(l.Name, l.Value) })
	for _, l := range i.given {
		b.Set(l.name, l.value)
	}
	return b.Labels()
}

// phase is what tells this host's phases from those of others.
func (i *identity) phase() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.engine != "" {
		return i.engine
	}
	return hostname()
}

// hear takes the identity that an engine gives with a scrape; empty is none.
func (i *identity) hear(engine string) {
	i.mu.Lock()
	known := i.engine
	i.mu.Unlock()
	if engine == known || !usableID(engine) {
		return
	}
	i.change(func() {
		i.log.Info("the Docker engine has told who it is", "engine_id", engine, "before", i.engine)
		i.engine = engine
		i.keep()
	})
}

// configure takes the external labels of the configuration file.
func (i *identity) configure(file labels.Labels) { i.change(func() { i.file = file }) }

// change does something with mu held, and tells of labels that are others than before.
func (i *identity) change(do func()) {
	i.applying.Lock()
	defer i.applying.Unlock()
	i.mu.Lock()
	before := i.labelsLocked()
	do()
	ls := i.labelsLocked()
	i.mu.Unlock()
	if !labels.Equal(before, ls) {
		i.changed(ls)
	}
}

// with hands over the labels while they cannot change.
func (i *identity) with(use func(labels.Labels) error) error {
	i.applying.Lock()
	defer i.applying.Unlock()
	return use(i.labels())
}

// keep writes the identity for the next process. Where that fails, the engine is asked
// again. Called with mu held.
func (i *identity) keep() {
	written := i.path + ".tmp"
	err := os.MkdirAll(filepath.Dir(i.path), 0o755)
	if err == nil {
		err = os.WriteFile(written, []byte(i.engine+"\n"), 0o644)
	}
	if err == nil {
		err = os.Rename(written, i.path)
	}
	if err != nil {
		i.log.Warn("identity of the engine is not kept for the next start", "err", err)
	}
}
