package storage

import "github.com/prometheus/client_golang/prometheus"

// Kinds of things that can be repaired or set aside: the values of the label
// "kind" of the store's metrics and of Repair.Kind.
const (
	kindBlock = "block"
	kindWAL   = "wal"
	kindHead  = "head_chunks"
	kindStore = "store"
	// kindFuture is what bears times after a clock that was set back.
	kindFuture = "future"
)

// Why something that was set aside is deleted, as values of the reason label.
const (
	deletedMany  = "too_many" // newer ones took its place
	deletedLimit = "limit"    // of the size, or a disk that is nearly full
)

type metrics struct {
	setAside *prometheus.CounterVec
	// asideDeleted counts what was set aside and is gone, by reason.
	asideDeleted *prometheus.CounterVec
	repaired     *prometheus.CounterVec
	sealed       *prometheus.CounterVec
	damaged      prometheus.Gauge

	degraded           prometheus.Gauge
	fallbacks, returns prometheus.Counter

	size      *prometheus.GaugeVec
	sizeLimit prometheus.Gauge
	dropped   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		setAside: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_storage_set_aside_total",
			Help: "Parts of the store that could not be read, or are of times to come after the clock was set back, and were moved to the set-aside directory.",
		}, []string{"kind"}),
		repaired: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_storage_repairs_total",
			Help: "Parts of the store that were repaired at open by dropping what could not be read.",
		}, []string{"kind"}),
		sealed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_storage_head_compactions_total",
			Help: "Compactions of the whole head on pause or stop, by result.",
		}, []string{"result"}),
	}
	m.asideDeleted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tocsin_storage_set_aside_deleted_total",
		Help: "What was set aside and has been deleted, for newer such or for the limit of the size.",
	}, []string{"reason"})
	for _, r := range []string{deletedMany, deletedLimit} {
		m.asideDeleted.WithLabelValues(r)
	}
	m.damaged = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tocsin_storage_last_damage_timestamp_seconds",
		Help: "When this process last found a part of the store damaged; 0 if never.",
	})
	m.degraded = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tocsin_storage_degraded",
		Help: "Whether the store had to leave the disk and goes on in memory.",
	})
	m.fallbacks = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tocsin_storage_fallbacks_total",
		Help: "How often the store had to leave the disk for memory.",
	})
	m.returns = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tocsin_storage_returns_total",
		Help: "How often the store returned from memory to the disk.",
	})
	m.size = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tocsin_storage_size_bytes",
		Help: "What the store takes from the disk, or from memory where it is there, by part.",
	}, []string{"part"})
	m.sizeLimit = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tocsin_storage_size_limit_bytes",
		Help: "The most that the store may take, all parts together; 0 for no limit.",
	})
	m.dropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tocsin_storage_blocks_dropped_total",
		Help: "Blocks that were deleted before their time, for the limit of the size or for a disk that is nearly full.",
	})
	for _, p := range []string{"blocks", "log", "set_aside"} {
		m.size.WithLabelValues(p)
	}
	for _, k := range []string{kindBlock, kindWAL, kindHead, kindStore, kindFuture} {
		m.setAside.WithLabelValues(k)
	}
	for _, k := range []string{kindWAL, kindHead} {
		m.repaired.WithLabelValues(k)
	}
	for _, r := range []string{"ok", "failed"} {
		m.sealed.WithLabelValues(r)
	}
	reg.MustRegister(m.setAside, m.asideDeleted, m.repaired, m.sealed, m.damaged, m.degraded, m.fallbacks, m.returns,
		m.size, m.sizeLimit, m.dropped)
	return m
}
