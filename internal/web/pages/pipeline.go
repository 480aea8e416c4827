package pages

import "paramedic/internal/web/route"

// pipelineShown reports whether there is anything to show on the pipeline's page.
func (p *Pages) pipelineShown() bool { return false }

func (p *Pages) pipelineRoutes() []route.Route { return nil }
