"""The routes, one module a subject."""

from app.routes import health, info, notes, slow, visits, websocket

ROUTERS = [module.router for module in (health, info, notes, slow, visits, websocket)]
