package rules

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollInterval is how often a watch looks by itself: notifications do not
	// cross every bind mount and network file system, and a directory may
	// appear where there was none to watch.
	pollInterval = 5 * time.Second
	// settle is how long files must be left alone before they are read: editors
	// and tools write in several steps.
	settle = 200 * time.Millisecond
)

// Watch calls changed whenever the files that the patterns name are others than
// those that were last loaded: written, replaced, renamed, removed, or newly there,
// also behind symbolic links. Each pattern is one as Load takes it, and they may be
// others after each change; loaded gives the Fingerprint of them before they were
// read, or "" as long as nothing has been loaded. It returns when ctx is done. changed
// is called from one goroutine.
func Watch(ctx context.Context, patterns func() []string, log *slog.Logger, loaded func() string, changed func()) {
	w := &watcher{patterns: patterns, log: log, loaded: loaded, watched: map[string]bool{}}
	if n, err := fsnotify.NewWatcher(); err != nil {
		log.Warn("file system gives no notifications, polling alone", "err", err)
	} else {
		w.notify = n
		defer n.Close()
	}
	w.run(ctx, changed)
}

// watcher is owned by run.
type watcher struct {
	patterns func() []string
	log      *slog.Logger
	loaded   func() string
	notify   *fsnotify.Watcher // nil: polling alone
	watched  map[string]bool
}

func (w *watcher) run(ctx context.Context, changed func()) {
	var events chan fsnotify.Event
	var errs chan error
	if w.notify != nil {
		events, errs = w.notify.Events, w.notify.Errors
	}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		w.watchDirs()
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-events:
			w.untilQuiet(ctx, events)
		case err := <-errs:
			w.log.Debug("file notification", "err", err) // polling finds what was missed
		}
		if known := w.loaded(); known != "" && known != Fingerprint(w.patterns()...) && ctx.Err() == nil {
			changed()
		}
	}
}

// untilQuiet waits until nothing has happened for a moment, but not for ever.
func (w *watcher) untilQuiet(ctx context.Context, events <-chan fsnotify.Event) {
	end := time.NewTimer(pollInterval)
	defer end.Stop()
	for {
		quiet := time.NewTimer(settle)
		select {
		case <-events:
			quiet.Stop()
			continue
		case <-quiet.C:
		case <-end.C:
		case <-ctx.Done():
		}
		quiet.Stop()
		return
	}
}

// watchDirs watches every directory in which a change would matter: those of the
// files, of what their links point to, and of the pattern itself. A directory
// that was replaced needs a new watch, so each is added again each time.
func (w *watcher) watchDirs() {
	if w.notify == nil {
		return
	}
	for dir := range watchedDirs(w.patterns()) {
		err := w.notify.Add(dir)
		if failed := err != nil; failed != w.watched[dir] {
			if w.watched[dir] = failed; failed {
				w.log.Debug("directory is polled, not watched", "dir", dir, "err", err)
			}
		}
	}
}

func watchedDirs(patterns []string) map[string]bool {
	dirs := map[string]bool{}
	for _, p := range splitAll(patterns) {
		if isDir(p) {
			dirs[p] = true
		}
		parent := filepath.Dir(p)
		for strings.ContainsAny(parent, "*?[") {
			parent = filepath.Dir(parent)
		}
		if isDir(parent) {
			dirs[parent] = true
		}
		paths, _ := expand(p) // what is wrong with the pattern is Load's to say
		for _, path := range paths {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				dirs[filepath.Dir(real)] = true
			}
		}
	}
	return dirs
}

// Fingerprint changes with anything that Load would read otherwise.
func Fingerprint(patterns ...string) string {
	var b strings.Builder
	fmt.Fprintln(&b, patterns) // never empty
	for _, p := range splitAll(patterns) {
		paths, problem := expand(p)
		if problem != nil {
			fmt.Fprintln(&b, problem.Error())
		}
		for _, path := range paths {
			b.WriteString(path)
			info, err := os.Stat(path)
			if err != nil {
				fmt.Fprintln(&b, err)
				continue
			}
			fmt.Fprint(&b, " ", info.Size(), " ", info.ModTime().UnixNano(), " ", info.Mode())
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				// ctime moves even where a tool sets the modification time back.
				fmt.Fprint(&b, " ", st.Dev, " ", st.Ino, " ", st.Ctim)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
