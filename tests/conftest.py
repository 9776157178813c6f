pytest_plugins = ["tests.fix_servers", "tests.fix_installation"]
