package pages

import "paramedic/internal/web/route"

func (p *Pages) statusRoutes() []route.Route { return nil }
