package pages

import "paramedic/internal/web/route"

func (p *Pages) orderRoutes() []route.Route { return nil }
