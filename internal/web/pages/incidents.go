package pages

import "paramedic/internal/web/route"

func (p *Pages) incidentRoutes() []route.Route { return nil }
