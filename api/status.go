package api

import "time"

// Status is how a Tocsin is doing. It is what GET /api/v1/tocsin/status answers.
type Status struct {
	// State is idle, running or paused, Since when it began.
	State string    `json:"state"`
	Since time.Time `json:"since"`
	Now   time.Time `json:"now"`
	// Headline is the situation in a line, Detail what goes with it. Tone is how it
	// is to be taken: good, warn, bad or neutral.
	Headline string `json:"headline"`
	Detail   string `json:"detail"`
	Tone     string `json:"tone"`

	Version        string            `json:"version"`
	GoVersion      string            `json:"goVersion"`
	Started        time.Time         `json:"started,omitzero"`
	ExternalLabels map[string]string `json:"externalLabels"`

	Problems      []Problem      `json:"problems"`
	Counts        Counts         `json:"counts"`
	Targets       []Target       `json:"targets"`
	Alertmanagers []Alertmanager `json:"alertmanagers"`
	RemoteWrites  []RemoteWrite  `json:"remoteWrites"`
	Storage       Storage        `json:"storage"`
	Clock         Clock          `json:"clock"`
	Settings      []Setting      `json:"settings"`
}

// Problem is something that the user should repair.
type Problem struct {
	Kind  string `json:"kind"`
	Where string `json:"where,omitempty"` // file:line:column, or the name of a setting
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
	// Runs is what runs in the place of a rule file with a problem.
	Runs string `json:"runs,omitempty"`
}

// Counts are numbers of things. Quiet alerts (severity none) are not among those
// that fire.
type Counts struct {
	Firing       int `json:"firing"`
	Pending      int `json:"pending"`
	Held         int `json:"held"`
	Resolved     int `json:"resolved"`
	Quiet        int `json:"quiet"`
	Groups       int `json:"groups"`
	Rules        int `json:"rules"`
	FailingRules int `json:"failingRules"`
}

// Target is one scraped endpoint and its last scrape.
type Target struct {
	Job        string    `json:"job"`
	Instance   string    `json:"instance"`
	URL        string    `json:"url"`
	Health     string    `json:"health"` // up, down or unknown
	LastScrape time.Time `json:"lastScrape,omitzero"`
	Took       float64   `json:"took"` // of the last scrape, in seconds
	Interval   float64   `json:"interval"`
	Error      string    `json:"error,omitempty"`
}

// Alertmanager is one receiver and how delivery to it goes.
type Alertmanager struct {
	URL string `json:"url"` // empty: who waits until discovery has found one
	// Origin is where it comes from: setting, or the discovery that found it. LostSince
	// is since when discovery does not show it any more.
	Origin    string    `json:"origin,omitempty"`
	LostSince time.Time `json:"lostSince,omitzero"`
	// Pending is how many alerts wait, Undelivered how many beginnings and ends of
	// alerts it has yet to be told of, OldestUndelivered since when the first waits.
	Pending           int       `json:"pending"`
	Undelivered       int       `json:"undelivered"`
	OldestUndelivered time.Time `json:"oldestUndelivered,omitzero"`
	LastSuccess       time.Time `json:"lastSuccess,omitzero"`
	LastAttempt       time.Time `json:"lastAttempt,omitzero"`
	NextTry           time.Time `json:"nextTry,omitzero"`
	Error             string    `json:"error,omitempty"` // of the last attempt
	LastRejection     string    `json:"lastRejection,omitempty"`
	// Alerts since the start of the process: taken, in a request that failed, lost.
	Sent    uint64 `json:"sent"`
	Failed  uint64 `json:"failed"`
	Dropped uint64 `json:"dropped"`
	Late    uint64 `json:"late"`
	// Restarts is how often it was found to have restarted.
	Restarts uint64 `json:"restarts"`
	// ClockOffset is how many seconds its clock is ahead of ours.
	ClockOffset float64 `json:"clockOffset"`
}

// RemoteWrite is one remote end of the configuration file that samples are written to.
type RemoteWrite struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	Protocol string `json:"protocol"` // 1.0 or 2.0
	// Behind is how many seconds old the oldest sample is that it has not taken. While
	// it catches up, what it was not sent from From to To is read from storage.
	Behind     float64   `json:"behind"`
	CatchingUp bool      `json:"catchingUp"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`

	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	Error       string    `json:"error,omitempty"` // of the last request
	// Samples: Pending wait in memory, Sent were taken since the start of the process,
	// Lost were refused for good, or were too old to be sent.
	Pending int    `json:"pending"`
	Sent    uint64 `json:"sent"`
	Lost    uint64 `json:"lost"`
}

// Storage is the state of the time series store.
type Storage struct {
	Mode           string    `json:"mode"` // disk or memory; empty while it is not open
	Path           string    `json:"path"`
	Bytes          int64     `json:"bytes"`
	RetentionTime  float64   `json:"retentionTime"` // in seconds; 0: no limit
	RetentionBytes int64     `json:"retentionBytes"`
	Blocks         int       `json:"blocks"`
	Series         uint64    `json:"series"`
	Oldest         time.Time `json:"oldest,omitzero"`
	Repairs        int       `json:"repairs"`
	Trouble        string    `json:"trouble,omitempty"`
	// Written is how many bytes the process has sent towards disks; 0 if unknown.
	Written int64 `json:"written"`
}

// Clock is the machine's clock against the time that samples and alerts bear.
type Clock struct {
	// Wall is what the machine takes for the time, Ahead how many seconds the time of
	// samples is ahead of it.
	Wall  time.Time `json:"wall,omitzero"`
	Ahead float64   `json:"ahead"`
	// Stepped is by how many seconds the time of samples has jumped since the start,
	// Slept for how many the machine has slept.
	Stepped float64 `json:"stepped"`
	Slept   float64 `json:"slept"`
	// Untrusted: it reads a time before this version was made.
	Untrusted bool `json:"untrusted"`
}

// Setting is one setting as it is in effect, without its secrets.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // default, environment or flag
}
