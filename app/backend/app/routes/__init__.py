"""The routes, one module a subject."""

from app.routes import auth, health, info, notes, slow, visits, websocket

ROUTERS = [module.router for module in (auth, health, info, notes, slow, visits, websocket)]
