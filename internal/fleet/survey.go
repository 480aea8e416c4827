package fleet

import (
	"context"

	"paramedic/activities"
)

// Roll implements activities.Surveyor.
func (f *Fleet) Roll(_ context.Context, service string) (activities.Roll, error) {
	return activities.Roll{}, notConfigured("service with targets", service)
}

// Survey implements activities.Surveyor.
func (f *Fleet) Survey(
	_ context.Context, in activities.BatchInput, _ activities.Progress,
) (activities.BatchResult, error) {
	return activities.BatchResult{}, notConfigured("service with targets", in.Service)
}
