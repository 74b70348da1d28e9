"""The record browser: records of any type, their fields as columns, edited and explained."""
