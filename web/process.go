package web

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// apiVersion is the Prometheus whose API this is. Grafana asks for it, to know
// what it may ask for.
const apiVersion = "3.16.0"

type apiBuildInfo struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	Branch    string `json:"branch"`
	BuildUser string `json:"buildUser"`
	BuildDate string `json:"buildDate"`
	GoVersion string `json:"goVersion"`
	// Tocsin is ours: clients of Prometheus pass over it.
	Tocsin string `json:"tocsinVersion"`
}

// buildInfo tells versions: of the API, and of Tocsin.
func (h *Handler) buildInfo(w http.ResponseWriter, _ *http.Request) {
	info := apiBuildInfo{Version: apiVersion, GoVersion: runtime.Version(), Tocsin: h.opts.Status().Version}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				info.Revision = s.Value
			case "vcs.time":
				info.BuildDate = s.Value
			}
		}
	}
	h.respond(w, info)
}

type apiRuntimeInfo struct {
	StartTime           time.Time `json:"startTime"`
	CWD                 string    `json:"CWD"`
	Hostname            string    `json:"hostname"`
	ServerTime          time.Time `json:"serverTime"`
	ReloadConfigSuccess bool      `json:"reloadConfigSuccess"`
	LastConfigTime      time.Time `json:"lastConfigTime"`
	CorruptionCount     int64     `json:"corruptionCount"`
	GoroutineCount      int       `json:"goroutineCount"`
	GOMAXPROCS          int       `json:"GOMAXPROCS"`
	GOMEMLIMIT          int64     `json:"GOMEMLIMIT"`
	GOGC                string    `json:"GOGC"`
	GODEBUG             string    `json:"GODEBUG"`
	StorageRetention    string    `json:"storageRetention"`
}

// runtimeInfo tells how the process is doing.
func (h *Handler) runtimeInfo(w http.ResponseWriter, _ *http.Request) {
	st := h.opts.Status()
	info := apiRuntimeInfo{
		StartTime:           st.Process.Started.UTC(),
		ServerTime:          h.opts.Now().UTC(),
		ReloadConfigSuccess: st.Process.RulesGood,
		LastConfigTime:      st.Process.RulesRead.UTC(),
		CorruptionCount:     int64(st.Storage.Repairs),
		GoroutineCount:      runtime.NumGoroutine(),
		GOMAXPROCS:          runtime.GOMAXPROCS(0),
		GOMEMLIMIT:          debug.SetMemoryLimit(-1),
		GOGC:                os.Getenv("GOGC"),
		GODEBUG:             os.Getenv("GODEBUG"),
		StorageRetention:    retention(&st.Storage),
	}
	// What cannot be found out stays empty.
	info.CWD, _ = os.Getwd()
	info.Hostname, _ = os.Hostname()
	h.respond(w, info)
}

// retention is in Prometheus's words.
func retention(s *Storage) string {
	var limits []string
	if s.RetentionTime > 0 {
		limits = append(limits, model.Duration(s.RetentionTime).String())
	}
	if s.RetentionBytes > 0 {
		limits = append(limits, binarySize(s.RetentionBytes))
	}
	return strings.Join(limits, " or ")
}

// binarySize is a size in the largest unit that it has a whole number of.
func binarySize(n int64) string {
	unit := 0
	for n%1024 == 0 && n > 0 && unit < 5 {
		n /= 1024
		unit++
	}
	return fmt.Sprintf("%d%s", n, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit])
}

// config is the configuration as Prometheus would write it.
func (h *Handler) config(w http.ResponseWriter, _ *http.Request) {
	h.respond(w, map[string]string{"yaml": h.opts.Config()})
}

// flags are the settings by the names of their flags.
func (h *Handler) flags(w http.ResponseWriter, _ *http.Request) {
	out := map[string]string{}
	for _, s := range h.opts.Status().Settings {
		out[s.Flag] = redact(s.Value)
	}
	h.respond(w, out)
}
