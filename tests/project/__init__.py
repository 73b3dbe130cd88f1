"""Tests of the project itself: releases, workflows, the site."""
