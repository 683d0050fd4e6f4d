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

// Watch calls changed whenever the files that the pattern names are others than
// those of the Set that was last loaded: written, replaced, renamed, removed, or
// newly there, also behind symbolic links. It takes what Load takes; loaded gives
// the Fingerprint of that Set, or "" as long as nothing has been loaded. It
// returns when ctx is done. changed is called from one goroutine.
func Watch(ctx context.Context, pattern string, log *slog.Logger, loaded func() string, changed func()) {
	w := &watcher{pattern: pattern, log: log, loaded: loaded, watched: map[string]bool{}}
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
	pattern string
	log     *slog.Logger
	loaded  func() string
	notify  *fsnotify.Watcher // nil: polling alone
	watched map[string]bool
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
		if known := w.loaded(); known != "" && known != fingerprint(w.pattern) && ctx.Err() == nil {
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
	for dir := range watchedDirs(w.pattern) {
		err := w.notify.Add(dir)
		if failed := err != nil; failed != w.watched[dir] {
			if w.watched[dir] = failed; failed {
				w.log.Debug("directory is polled, not watched", "dir", dir, "err", err)
			}
		}
	}
}

func watchedDirs(pattern string) map[string]bool {
	dirs := map[string]bool{}
	for _, p := range splitPattern(pattern) {
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

// fingerprint changes with anything that Load would read otherwise.
func fingerprint(pattern string) string {
	var b strings.Builder
	fmt.Fprintln(&b, pattern) // never empty
	for _, p := range splitPattern(pattern) {
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
