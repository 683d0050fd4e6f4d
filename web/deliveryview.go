package web

import (
	"time"

	"github.com/tocsin/tocsin/api"
)

// deliveryView is what one Alertmanager knows of one alert.
type deliveryView struct {
	Alertmanager string
	State        string
	Tone         tone
	// Since is since when the state is so; Next when a delivery that failed is tried
	// again.
	Since, Next moment
	Error       string
}

func newDeliveryViews(list []api.Delivery, now time.Time) []deliveryView {
	views := make([]deliveryView, len(list))
	for i := range list {
		views[i] = newDeliveryView(&list[i], now)
	}
	return views
}

func newDeliveryView(d *api.Delivery, now time.Time) deliveryView {
	v := deliveryView{Alertmanager: short(d.Alertmanager), Error: short(d.Error), Next: moment{d.NextTry, now}}
	switch d.State {
	case api.DeliveryTold:
		v.State, v.Tone, v.Since = "told that it fires", toneGood, moment{d.ToldAt, now}
		if d.Told == api.Resolved {
			v.State = "told that it has ended"
		}
	case api.DeliveryWaiting:
		v.State, v.Tone, v.Since = "not told yet", toneBad, moment{d.WaitingSince, now}
	case api.DeliveryWithheld:
		v.State, v.Tone = "not for this one, by alert_relabel_configs", toneNeutral
	case api.DeliveryRefused:
		v.State, v.Tone = "refused it", toneBad
	default:
		v.State, v.Tone = "not told by this process", toneNeutral
	}
	return v
}
