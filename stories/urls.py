"""Where learners come in, and where the pictures are."""

from __future__ import annotations

from django.urls import path

from stories import images, views

urlpatterns = [
    path("s/<str:token>/", views.story, name="story"),
    path("s/<str:token>/told/", views.told, name="story_told"),
    path("s/<str:token>/alive/", views.alive, name="story_alive"),
    path("media/stories/<str:name>", images.serve, name="story_image"),
]
